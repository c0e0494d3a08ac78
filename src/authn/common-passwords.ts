/**
 * What is tried first, in lower case: the passwords that everybody knows, and the words and names of which they are made.
 * `judgePassword` takes disguise, repetition and padding off before it looks here, so `P4ssw0rd!2026` needs no entry.
 */
const LIST = `
!@#$%^&* !@#$%^&*() !qaz2wsx 000000 007007 111111 11111111 112233 112358132134 121212 123123 123456 1234567 12345678
123456789 1234567890 1234qwer 12qwaszx 147258369 159753 1q2w3e 1q2w3e4r 1q2w3e4r5t 1qaz2wsx 1qaz2wsx3edc 1qazxsw2
27182818 271828182845 31415926 3141592653 314159265358 654321 666666 789456123 8675309 88888888 987654321 a1b2c3
a1b2c3d4 a1b2c3d4e5 aaaa aaaaaa abc abc123 abcabc abcd abcd1234 abcde abcdef abcdef123456 abcdefg abcdefgh
abcdefghij access accessdenied accessgranted acdc adgangskode admin admin123 admin1234 adminadmin administrador
administrateur administrator administrators africa ahmed airforce aisha ajax alejandro aleksandr alexander alexandra
alexis ali allah alphabet always amanda amazon america amor amore amour anastasia andrea andreas andrew angel angela
angelica angels anna anne anonymous ansible anthony antonio anything apache apollo apple apples april aragorn
argentina army arsenal asd asdf asdf1234 asdfasdf asdfgh asdfghjkl asdfqwer ashley assassin asshole athena audi
august austin australia autumn avengers azerty azertyuiop azure baby babybaby babyboy babygirl backup bailey banana
bangkok bangladesh barbara barcelona bart baseball baseball1 basketball bastard batman batman1 batterystaple bayern
bayernmunchen beach bear bears beatles beautiful beijing bella bello benfica benvenuto berlin besiktas bestfriend
bestfriends bestfriendsforever beyonce bff bienvenido bienvenue billion bismillah bitch black bless blessed
blessing blink182 blue blueberry bluetooth bmw boca bond007 bonjour boss boston boxing boyfriend brandon
brasil brazil brian britney broncos bronze brother bruno buddha bugsbunny bulls bullshit bunny burger business
buster butterfly c3por2d2 california callofduty camaro camille canada candy captain carlos carolina caroline cat
catherine cats catwoman celtics centos champion champions change changeit changeme changemenow changethis charizard
charles charlie charlotte cheese chelsea cherry chevrolet chevy chicago chicagobulls chicken children china chloe
chocolate christ christian christina christmas christopher church ciao cinnamon cisco ciscocisco claudia cluster
cocksucker coco coffee coldplay college colombia company computer computers consul contrasena contraseña cookie
cookies copper corinthians corona correcthorse correcthorsebatterystaple corvette counterstrike cowboys crap cricket
cristina crystal cupcake cutie dad daddy daisy dallas dammit damnit dance dancer dancing daniel daniela darkness
darling darthvader database david debian december default defaultpassword delhi demo demodemo depechemode
desert desktop deutschland developer diablo diamond diamonds diana dmitri docker doctor dodge dodgers dog
doggy dogs dollar dollars dolphin dolphins donald donaldduck dontforget dontknow doom dortmund dragon dragon1
drummer duck duke dumbledore dummy eagle eagles earth easter eduardo edward egypt elastic elizabeth emily eminem
engineer england espana españa estate ete evanescence everton everybody everything example examples facebook faith
falcon fall family father fatima february fedora fenerbahce fernando ferrari feyenoord fire firewall firstlogin
flamengo florian florida flower flowers foobar foobarbaz football football1 forest forever foreverlove forgotten
fortnite france francesco francisco freedom friday friend friends frodo fruehling frühling fuck
fuckoff fuckyou gabriel gabriela galatasaray galaxy game gamer games gaming gandalf ganesh garfield geheim general
george germany getout ghost giants ginger giovanni girlfriend github gitlab giulia goaway god godbless godisgood
godislove godzilla gold golden golf golfing goodbye google gorgeous grace graduate grafana grandma grandpa
gravitational gravity green greenday gryffindor guest guitar guitarist hacker hackers hacking hallo halloween halo
hamburg hannah hans happiness happy happybirthday happynewyear hardware harley harleydavidson harry
harrypotter haslo hassan hawaii hawk heat heather heaven heineken hello hellohello hellothere helloworld helm
helpdesk henry herbst hercules hermione heslo hiphop hiroshi hiver hobbit hockey hogwarts hola homer honda honey
honeybee hope horse horsebattery horses hostmaster hottie houston huawei hugs hulk hunter hurricane husband hussein
ibrahim idontcare idontknow iforgot iforgotit ilovegod iloveher ilovehim iloveit ilovejesus iloveme ilovemom
ilovemum ilovemydad ilovemyfamily ilovemylife ilovemyself iloveu iloveyou iloveyou1 iloveyoumore iloveyouso india
indonesia initial instagram intermilan internet inverno invierno ireland iron ironmaiden ironman isabella island
istanbul italia italy ivan jack jackson jakarta james james007 january japan jasmine jean jedi jeep jelszo jenkins
jennifer jessica jesus jesuschrist jesuslovesme jetaime job jobs john joker jonasbrothers jonathan jordan jordan23
jose joseph joshua juan julien july june juniper jupiter justice justin justinbieber juventus k8s karate katharina
kawasaki kennwort kenya kevin keyboard kibana kids killer king kingkong kisses kitkat kitten kitty klaus knight
korea krishna kubeconfig kubectl kubelet kubernetes lakers laptop lasvegas laugh laura ledzeppelin legolas letmein
letmein1 letmeinnow letmeinplease letmeout lexus liberty lightning lily linkinpark linux lion liverpool liverpoolfc
lkjhgfdsa logan login loginlogin logon loki lola london lordoftherings loremipsum loremipsumdolor losangeles
losenord love loveforever lovelove lovely loveme lover lovers loveyou luca lucas lucky luigi luis luke
lösenord macintosh madison madonna madrid maggie malaysia mama manager manchester manchesterunited mancity manila
manutd march marco marcus margaret maria marie marine marines mario mark mars martin master master1 masterkey matrix
matteo matthew max maxwell may maytheforcebewithyou mazda megadeth melissa mercedes mercury merrychristmas metal
metallica mexico miami michael michael1 michelle mickey mickeymouse microsoft miguel milan million millionaire
minecraft minnie mnbvcxz mohamed mohammed molly mom mommy monamour monday money mongodb monitor monkey monkey1 moon
moonlight moscow moskva motdepasse mother motherfucker motorola mountain muenchen muhammad mumbai munich music
musica mustang myfamily mylove myloves mypass mypassword mysql münchen nala namaste napoli nascar natalie
natasha navy ncc1701 ncc1701d neptune netflix network never newpassword newyear newyork newyorkcity nginx nicholas
nicolas nicole nigeria ninja nintendo nirvana nissan nobody nokia noone nothing november number1 numberone nurse
ocean october odin office oldpassword olga oliver olivia omar onceuponatime onedirection opensesame openshift openup
operator oracle orange orchid oscar otono otoño owner p4ssword p@ssw0rd p@ssword pa55word packers pacman pakistan
palmeiras panther papa paris parola parool pass pass1234 pass12345 passcode passphrase passw0rd passw0rd1 passwd
password password123 password1234 password12345 passwordabc passwordpassword passwort passwort1 patricia patrick
patriots paul peace peaches pedro penguin pepper peter philip philippe philippines phoenix piano pierre pikachu
pilot pineapple pink pinkfloyd pizza planet platinum playboy player players playstation pluto poiuytrewq pokemon
poland police polska pony porsche porto poseidon postgres postgresql postmaster president pretty primavera prince
princess princess1 printemps printer private privet programmer prometheus protect public puppy purple q1w2e3r4
q1w2e3r4t5 qazwsx qazwsxedc qazxswedc qqqqqq quake queen quickbrownfox qwe qweasd qweasdzxc qwer qwer1234 qwerqwer
qwerty qwerty!@# qwerty123 qwerty12345 qwertyasdf qwertyuiop qwertz qwertzuiop r2d2c3po rabbit rachel racing
radiohead raiders rainbow rambo rammstein rancher ranger realmadrid rebecca red redhat redis redsox remember
rememberme rex ricardo rich richard rihanna river robert roberto roblox rocknroll rockstar rocky rollingstones roma
rome root root123 rootpassword rootroot rose roses router rugby running rush2112 russia ryan safety sakura salasana
samantha sample samsung samurai sanfrancisco santos sarah saturday saturn scarlet school scooby scoobydoo
scorpion scotland seattle sebastian secret secreto secure secured security security1 sega segreto senha seoul
september sergey server servers service services sesame sex sexy shadow shakira shanghai shark shit
shithead siemens sifre signin silver simba simpsons singapore singer sister skywalker slayer slipknot smile smiles
smiley snake sniper snoopy soccer software soldier somebody something sommer sonic sophia sophie spain spider
spiderman sporting spring spurs star starcraft starlight stars startrek starwars steel steelers stefan stephanie
steven storm strawberry student subaru success successful sugar summer sunday sunflower sunrise sunset sunshine
sunshine1 superadmin superman superman1 superuser supervisor support susan suzuki svetlana sweetheart sweetie
swimming sydney sysadmin system systemadmin systems takeshi tatiana teacher teamo teamomucho teleport temp temporary
temppass temppassword tennis tequiero tequila terminator terraform test test123 test1234 tester testing testpassword
testtest testuser tetris texas thailand thebeatles thepassword thequickbrownfox thomas thor thunder thursday thx1138
tiger tigger tobeornottobe today tokyo tomcat tomorrow toor topsecret tornado toshiba tottenham toyota transformers
truelove trust trustno1 trustnoone truth tuesday turkey turquoise turtle tweety twitter ubuntu unicorn unitedstates
universe university unix usa user username userpassword vader valarmorghulis vanessa vanilla vault venus verano
veronica victoria vietnam violet visitor vladimir vodka voldemort volkswagen volleyball wachtwoord warcraft warrior
warriors warszawa wasd water webadmin webmaster wednesday welcome welcome1 welcome123 welcomehome welcometo welkom
whatever whiskey whisky white whoknows wife wifi william willkommen wind windows winner winners winter
winteriscoming wireless witaj witch wizard wolf wolverine wolves wonderwoman word work working worldofwarcraft
wrestling xbox xxxxxx yamaha yankees yellow yesterday yoda yourpassword youtube yuki zaq12wsx zaq1zaq1 zelda zeus
zoe zxc zxcasdqwe zxcvbn zxcvbnm zxczxc zzzzzz été şifre
`

export const commonPasswords: ReadonlySet<string> = new Set(LIST.trim().split(/\s+/))
